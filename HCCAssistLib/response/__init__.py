"""Response by mRECIST: diameters of viable tumour before and after treatment, and what two readers make of them."""
