"""Collections through the whole platform, compared with floors."""
