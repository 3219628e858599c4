"""The department's week: its figures from data, incidents as people recorded them, kept as it was printed."""

from zhangfang.weekly.figures import PREFIX, figures
from zhangfang.weekly.incidents import (
    GRADE,
    Ending,
    Milder,
    NoIncident,
    add_note,
    approve_grade,
    course,
    end_incident,
    grade_incident,
    incident_id,
    open_incident,
)
from zhangfang.weekly.minutes import Requests, keep, probe
from zhangfang.weekly.model import Figures, Report
from zhangfang.weekly.report import report, reports
from zhangfang.weekly.rules import available, by_volume, core, percent, success, week_of
from zhangfang.weekly.telling import lines, markdown, paper, text, title

__all__ = [
    "GRADE",
    "PREFIX",
    "Ending",
    "Figures",
    "Milder",
    "NoIncident",
    "Report",
    "Requests",
    "add_note",
    "approve_grade",
    "available",
    "by_volume",
    "core",
    "course",
    "end_incident",
    "figures",
    "grade_incident",
    "incident_id",
    "keep",
    "lines",
    "markdown",
    "open_incident",
    "paper",
    "percent",
    "probe",
    "report",
    "reports",
    "success",
    "text",
    "title",
    "week_of",
]
