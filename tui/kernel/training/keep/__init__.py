"""What of a run is kept on disk, and how it is put back."""
