from fairlane_client.explain.answer import Explanation as Explanation
from fairlane_client.explain.answer import Holder as Holder
from fairlane_client.explain.answer import Place as Place
from fairlane_client.explain.answer import Preemption as Preemption
from fairlane_client.explain.explanations import explain as explain
from fairlane_client.explain.reasons import Reason as Reason
