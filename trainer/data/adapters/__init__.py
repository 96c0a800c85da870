"""From the data of custom code to map-style datasets. Needs no MindSpore."""
