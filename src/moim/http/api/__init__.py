"""What the pages' scripts and other programs ask for: JSON and files, one file a resource."""
