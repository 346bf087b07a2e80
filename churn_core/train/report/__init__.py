"""`outputs/report.html`: one file that a manager can read."""
