"""History from outside made into signals, and figures made readable."""

from bot.signals.export_zip import Limits
from bot.signals.pages import report_csv, report_json, report_page
from bot.signals.painting import ChartPainter
from bot.signals.report import as_json, as_rows, effect_rows, week_rows
from bot.signals.slack_export import SlackExport, read_export, workspace_for

__all__ = [
    "ChartPainter",
    "Limits",
    "SlackExport",
    "as_json",
    "as_rows",
    "effect_rows",
    "read_export",
    "report_csv",
    "report_json",
    "report_page",
    "week_rows",
    "workspace_for",
]
