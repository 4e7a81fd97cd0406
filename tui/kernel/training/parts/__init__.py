"""What a run is made of: the preset, what its functions return, and what the settings put in their place."""
