"""What a trained method is used for: prediction, heat maps, cost."""
