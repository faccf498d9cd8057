"""The server-rendered pages: one file a page, each works without JavaScript."""
