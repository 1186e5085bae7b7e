def scale(text):
    return text + text
