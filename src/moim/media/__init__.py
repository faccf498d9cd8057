"""The ways of sound and picture between browsers, as far as the server has a part in them."""
