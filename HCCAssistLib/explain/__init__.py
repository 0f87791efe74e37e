"""What a network looked at: Grad-CAM, its place in the patient, and checks of its faithfulness."""
