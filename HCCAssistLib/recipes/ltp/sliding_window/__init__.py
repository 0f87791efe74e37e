"""The dense scan of a volume by the network of Lim 2023: equal to patch by patch, far faster."""
