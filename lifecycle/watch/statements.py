"""What health and metrics ask a managed database. They change nothing."""

SCRAPE_LIMITS = """
    select set_config('statement_timeout', '5s', false), set_config('lock_timeout', '1s', false)
"""
