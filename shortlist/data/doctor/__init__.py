"""The doctor: what is odd about data before a model is blamed for it.

Each finding has a code, a severity (error: results would be wrong; warning: look at it; info: know it), a count and
what to do. Nothing is changed. Cost: a few sorts of the events; a second for a million.
"""

from shortlist.data.doctor.finding import Finding, Severity
from shortlist.data.doctor.report import Report, examine, summarise

__all__ = ["Finding", "Report", "Severity", "examine", "summarise"]
