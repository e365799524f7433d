"""Networks of rankers of several tasks and scenarios, one small file each, called after the preset.

A body reads vectors [B, F, D] and the scenario of each row, int64[B] or None, and gives [B, K] logits, or these and a
charge. It stands apart from the preset so that the preset is known where torch is not installed.
"""
