"""What learned transitions, overlapping evidence and a corrected composition bring, one after the other."""
