"""What a network is trained for: targets x negatives x loss, each its own small file.

`targets` says which states should predict which items, `negatives` draws items to compare with (and how likely each
draw was), `losses` turns logits into a number, and `objective` puts them together and masks what must not count.
"""
