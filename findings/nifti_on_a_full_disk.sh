#!/usr/bin/env bash
# A volume that does not fit on the disk: NRRD and MetaImage raise, NIfTI does not, and its file reads back as a volume.
#
# Versions   SimpleITK 2.5.7, numpy 2.4.6; Linux (a limit on the size of files stands for the full disk)
# Expected   WriteImage raises whatever the format, or a reader refuses the file that was cut short.
# Behaviour  For .nii and .nii.gz, WriteImage returns as if all were well; only a line of the NIfTI library stands on
#            stderr. ReadImage then gives a volume of the full size whose missing voxels are other values, without an
#            error. For .nrrd and .mha both calls raise RuntimeError.
# Seen       .nii: written without an error, 65536 of 1311072 bytes, read back as another volume; .nii.gz the same;
#            .nrrd and .mha: RuntimeError, RuntimeError
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv env
env/bin/pip install --quiet --disable-pip-version-check SimpleITK==2.5.7 numpy==2.4.6
cat > look.py <<'EOF'
import os
import resource
import signal

import numpy as np
import SimpleITK as sitk

LIMIT = 65536
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # a write beyond the limit fails as it does on a full disk
voxels = np.random.default_rng(0).integers(-1000, 1000, (40, 128, 128)).astype(np.int16)
volume = sitk.GetImageFromArray(voxels)
resource.setrlimit(resource.RLIMIT_FSIZE, (LIMIT, LIMIT))


def outcome(work):
    try:
        return work()
    except RuntimeError:
        return "RuntimeError"


for ending, raises in ((".nii", False), (".nii.gz", False), (".nrrd", True), (".mha", True)):
    path = f"volume{ending}"
    written = outcome(lambda: sitk.WriteImage(volume, path))
    size = os.path.getsize(path)
    read = outcome(lambda: sitk.GetArrayFromImage(sitk.ReadImage(path)))
    if raises:
        assert isinstance(written, str) and isinstance(read, str), f"{ending}: the behaviour has changed"
        print(ending, "written:", written, "read:", read)
    else:
        assert written is None and size <= LIMIT, f"{ending}: the behaviour has changed"
        assert read.shape == voxels.shape and not np.array_equal(read, voxels), f"{ending}: the behaviour has changed"
        print(ending, "written: no error,", size, "bytes; read:", read.shape, "other voxels, no error")
EOF
env/bin/python look.py 2> messages.txt
grep -q "NWAD" messages.txt
