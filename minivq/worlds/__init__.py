"""The two built-in worlds: pictures drawn by code from (seed, index), with exact ground truth."""
