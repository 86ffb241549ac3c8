from fairlane.rehearsal.traces.generator import Load as Load
from fairlane.rehearsal.traces.generator import generate as generate
from fairlane.rehearsal.traces.history import read_history as read_history
from fairlane.rehearsal.traces.reader import read_trace as read_trace
from fairlane.rehearsal.traces.writer import write_trace as write_trace
