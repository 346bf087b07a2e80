"""What Acme Mobile adds to churn-core."""
