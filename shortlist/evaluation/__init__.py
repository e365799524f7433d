"""How good is it, how sure are we, and what did it cost: metrics, full-ranking evaluation, leaderboards, backtests.

from shortlist.evaluation.evaluator import evaluate         # one system on one split
from shortlist.evaluation.leaderboard import leaderboard    # many, with the baselines always beside them
from shortlist.evaluation.board import load_board, run_board  # a leaderboard as a file
from shortlist.evaluation.backtest import backtest          # a whole pipeline, replayed at its own moments
"""
