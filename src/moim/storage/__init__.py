"""What outlives the process: the journal, its projections and the files, on SQLAlchemy."""
