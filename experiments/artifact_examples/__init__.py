"""The least and the most usual epochs of two real recordings without labels. See README.md in this folder."""
