def join(path):
    return str(path)
