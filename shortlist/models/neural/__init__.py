"""What neural models share: fields, item encoders, blocks, objectives, one trainer, one scorer.

A preset picks a block and an objective; everything else is here once. All of it needs torch (extra `nn`).
"""
