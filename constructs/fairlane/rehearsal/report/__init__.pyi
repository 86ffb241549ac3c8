from fairlane.rehearsal.report.answer import describe_answer as describe_answer
from fairlane.rehearsal.report.page import render_report as render_report
from fairlane.rehearsal.report.summary import Summary as Summary
from fairlane.rehearsal.report.summary import describe_strategies as describe_strategies
from fairlane.rehearsal.report.summary import describe_use as describe_use
from fairlane.rehearsal.report.summary import summarize as summarize
from fairlane.rehearsal.report.table import comparison_table as comparison_table
