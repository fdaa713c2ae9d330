"""The clusters of an installation: which there are, how each is reached and as whom, and how much it may be asked."""
