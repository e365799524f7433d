"""Blocks of networks with several tasks: one small file each.

They read features [B, h] or one feature vector per task [B, T, h], and give [B, T, h] or logits [B, T]. No block looks
at another row, except batch norm while training.
"""
