"""`hdspike train`, `generate`, `evaluate`: a Spiking HD-Transformer from a text file to a model file and its marks."""
