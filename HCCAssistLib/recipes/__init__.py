"""One package per paper, all of the same shape: recipe (data), sampling, network, prediction."""
