"""What several papers' models share: layers, preprocessing, noise and transforms by their names."""
