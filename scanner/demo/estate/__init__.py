"""The verbs of planting: each makes one kind of thing through moto's own API, or in its extension."""
