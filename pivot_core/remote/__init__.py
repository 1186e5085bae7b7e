"""Where cache objects are shared: directories and S3 buckets behind one protocol, and batches to and from them."""
