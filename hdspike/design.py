"""The design calculator: which dimension a task needs, and what it costs."""
