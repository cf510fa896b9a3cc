"""Running packs on Ray Tune. The only code that imports ray."""
