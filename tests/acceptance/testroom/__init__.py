"""A room for tests alone: jobs that write, wait, hang and break, as the test says."""
