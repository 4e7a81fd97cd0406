"""What stands beside a run's charts: layers by steps, the latest evaluation, alerts and the machine."""
