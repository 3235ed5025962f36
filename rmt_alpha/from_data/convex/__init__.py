"""Fine-tuning by convex losses: the fit, approximate leave-one-out, and the choice of alpha from them."""
