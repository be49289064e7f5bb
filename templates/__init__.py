"""The jinja2 templates of the targets; a package so that a wheel carries them."""
