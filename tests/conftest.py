"""What every test shares: figures are drawn without a display."""

import os

os.environ["MPLBACKEND"] = "Agg"
