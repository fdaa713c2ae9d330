"""What an installation on Google Cloud costs a month: prices and measurements are data, the rest is arithmetic."""
