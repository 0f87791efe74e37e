"""An archive of DICOM files as a cohort: what is there, who it is of, which role each series plays, and the volumes."""
