#!/usr/bin/env bash
# Grad-CAM of a ResNet is drawn 15.5 pixels too far down and right.
#
# Versions   MONAI 1.6.1, torch 2.13.0, numpy 2.4.6
# Expected   The heat over a picture lies where the cells of the last map look: the heat of a symmetric network for a
#            spot peaks at the spot.
# Behaviour  The map is enlarged as if its cells tiled the picture, cell n with its middle at pixel 32 n + 15.5. Each of
#            the five halvings of a ResNet begins at pixel 0 (kernel 7 with padding 3, kernel 3 with padding 1), so that
#            cell n looks at pixels around 32 n. The heat is shifted by 15.5 pixels along both axes, 7 % of a picture of
#            224 pixels; a patch cut out around a lesion has its heat beside the lesion.
# Seen       448 x 448 pixels, a spot at pixel (224, 224): cell (7, 7) of 14 x 14 is the warmest, the cells to its left
#            and right are equally warm; the heat peaks at pixel (239, 239)
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv env
env/bin/pip install --quiet --disable-pip-version-check torch==2.13.0 monai==1.6.1 numpy==2.4.6
cat > look.py <<'EOF'
import numpy as np
import torch
from monai.networks.nets import resnet50
from monai.visualize import GradCAM

SPOT, CELLS = 224, 14
network = resnet50(spatial_dims=2, n_input_channels=1, num_classes=2, conv1_t_stride=2).eval()
with torch.no_grad():
    for module in network.modules():  # every kernel a mean: nothing in the network prefers a side
        if isinstance(module, torch.nn.Conv2d):
            module.weight.fill_(1 / module.weight[0].numel())
    network.fc.weight.fill_(1.0)
picture = torch.zeros(1, 1, 448, 448)
picture[0, 0, SPOT, SPOT] = 1000.0

seen = {}
hook = network.layer4.register_forward_hook(lambda _module, _given, found: seen.update(cells=found[0, 0].detach()))
network(picture)
hook.remove()
cells = seen["cells"].numpy()
warmest = np.unravel_index(cells.argmax(), cells.shape)
row, column = (int(n) for n in warmest)
left, right = float(cells[row, column - 1]), float(cells[row, column + 1])
print(f"warmest cell {(row, column)} of {cells.shape}, its neighbours {left / right:.3f} times as warm left as right")
assert cells.shape == (CELLS, CELLS) and (row, column) == (SPOT // 32,) * 2 and 0.99 < left / right < 1.01

heat = GradCAM(nn_module=network, target_layers="layer4", postprocessing=lambda x: x)(x=picture, class_idx=0)[0, 0]
peak = [int(n) for n in np.unravel_index(heat.detach().numpy().argmax(), heat.shape)]
print(f"spot at {(SPOT, SPOT)}, heat peaks at {tuple(peak)}")
assert all(abs(at - (SPOT + 15.5)) <= 1 for at in peak), "the behaviour has changed"
EOF
env/bin/python -W ignore look.py
