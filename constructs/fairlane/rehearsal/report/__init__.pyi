from fairlane.rehearsal.report.page import render_report as render_report
from fairlane.rehearsal.report.summary import Summary as Summary
from fairlane.rehearsal.report.summary import strategies_in_words as strategies_in_words
from fairlane.rehearsal.report.summary import summarize as summarize
from fairlane.rehearsal.report.summary import use_in_words as use_in_words
from fairlane.rehearsal.report.table import comparison_table as comparison_table
