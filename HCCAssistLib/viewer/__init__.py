"""A result and its images as one page that opens in a browser without any network."""
