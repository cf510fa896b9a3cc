"""A strategy that cannot be, or cannot train this network, is one paragraph and exit code 2 before anything runs."""

import pytest

SWEEP = """
from mtlray import *
from mtlray.models import SharedTrunk
from mtlray.strategies import *


class Split(SharedTrunk):
    def forward(self, inputs):
        z = self.trunk(inputs)
        return tuple(head(z * (i + 1)) for i, head in enumerate(self.heads.values()))


class SplitLeNet(LeNet):
    single_representation = False

    def build(self, input_shape, tasks):
        network = super().build(input_shape, tasks)
        return Split(network.trunk, network.heads)


DATA = MultiMNIST(source="mnist5k", val_digits=200, task_names=("left", "right"))
SWEEP = SweepSpec(
    name="bad",
    question="?",
    base=TrialSpec(dataset=DATA, model=LeNet(), strategy=Equal(), optimizer=SGD(lr=0.1), steps=3),
    strategies=(Equal(), STRATEGY),
)
"""

# The strategy, what it should say, and what else is changed in the file.
BAD = {
    "too few weights": ("Constant((1.0,))", "have one number for each of the 2 tasks (left, right)"),
    "too many weights": ("Constant((1.0, 1.0, 1.0))", "have one number for each of the 2 tasks (left, right)"),
    "negative weight": ("Constant((1.0, -1.0))", "hold finite numbers, none of them negative"),
    "no weight at all": ("Constant((0.0, 0.0))", "not all be zero"),
    "stch: weights": ("STCH(weights=(1.0, 1.0, 1.0))", "for each of the 2 tasks (left, right)"),
    "stch: references": ("STCH(reference=(1.0,))", "for each of the 2 tasks (left, right)"),
    "dwa: temperature of zero": ("DWA(temperature=0)", "Parameter `temperature` should be positive"),
    "dwa: temperature below zero": ("DWA(temperature=-1)", "Parameter `temperature` should be positive"),
    "dwa: temperature of nan": ("DWA(temperature=float('nan'))", "Parameter `temperature` should be positive"),
    "uw_so: temperature": ("UWSO(temperature=0)", "Parameter `temperature` should be positive"),
    "dwema: temperature": ("DWEMA(temperature=0)", "Parameter `temperature` should be positive"),
    "adaptive_weight: temperature": ("AdaptiveWeight(temperature=-2)", "Parameter `temperature` should be positive"),
    "stch: mu": ("STCH(mu=0)", "Parameter `mu` should be positive"),
    "famo: learning rate": ("FAMO(lr=0)", "Parameter `lr` should be positive"),
    "gradnorm: alpha": ("GradNorm(alpha=-1)", "Parameter `alpha` should"),
    "cagrad: c": ("CAGrad(c=-1)", "Parameter `c` should"),
    "gradvac: beta": ("GradVac(beta=2)", "Parameter `beta` should"),
    "graddrop: leak": ("GradDrop(leak=2)", "Parameter `leak` should"),
    "fairgrad: alpha": ("FairGrad(alpha=0)", "Parameter `alpha` should be positive"),
    "nash: max_norm": ("NashMTL(max_norm=0)", "Parameter `max_norm` should"),
    "mgda: normalisation": ("MGDA(normalisation='l3')", "Parameter `normalisation` should be"),
    "aligned: scale_mode": ("AlignedMTL(scale_mode='max')", "Parameter `scale_mode` should be"),
    "modo: gamma": ("MoDo(gamma=0)", "Parameter `gamma` should"),
    "grad_scale": ("PCGrad(grad_scale='sum')", "Parameter `grad_scale` should be"),
    "head_grad": ("PCGrad(head_grad='none')", "Parameter `head_grad` should be"),
    "heads that no weights are for": (
        "GradDrop(head_grad='weighted')",
        "is not a weighted sum of the tasks' gradients",
    ),
    "on_solver_error": ("UPGrad(on_solver_error='ignore')", "Parameter `on_solver_error` should be"),
    "no solver to fail": ("PCGrad(on_solver_error='fallback')", "unexpected keyword argument 'on_solver_error'"),
    "a word for a switch": ("LBTW(renorm='no')", "Parameter `renorm` of LBTW should be True or False."),
    "an epoch and a half": ("STCHMultiTask(warmup_epochs=1.5)", "of STCHMultiTask should be an integer."),
    "a list of weights": ("Constant([1.0, 2.0])", "Parameter `weights` of Constant should be a tuple of numbers."),
    "not a number": ("Uncertainty(initial_log_variance=float('nan'))", "of Uncertainty should be finite."),
    "no such task": ("SingleTask(task='up')", "There is no task `up`. Valid names: left, right."),
    "dtp: a task without a bounded metric": (
        "DTP()",
        "needs a metric with a bound for each task, such as accuracy. Task reconstruct has none (its metrics: mse)",
        ('("left", "right")', '("left", "right", "reconstruct")'),
    ),
    "mgda_ub: no single representation": (
        "MGDAUB()",
        "Strategy mgda_ub needs a model whose heads all read one representation.",
        ("model=LeNet()", "model=SplitLeNet()"),
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_is_refused_when_the_sweep_is_planned(cli, tmp_path, case):
    strategy, expected, *changes = BAD[case]
    text = SWEEP.replace("STRATEGY)", f"{strategy})")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    (tmp_path / "bad.py").write_text(text)
    verbs = (("plan",), ("run", "--in-process", "--yes"))
    for verb in verbs if changes else verbs[:1]:
        code, out, err = cli(verb[0], "bad.py", *verb[1:])
        assert code == 2, out
        assert expected in err
        assert err.count("\n") == 1
        assert "Traceback" not in out + err
    assert {path.name for path in tmp_path.iterdir()} <= {"bad.py", "__pycache__"}, "nothing was started or written"


def test_the_sweep_is_planned_without_the_bad_strategy(cli, tmp_path):
    (tmp_path / "bad.py").write_text(SWEEP.replace("STRATEGY)", "MGDAUB(), DTP(), Constant((0.5, 1.5)))"))
    code, out, err = cli("plan", "bad.py")
    assert code == 0, err
    assert "equal, mgda_ub, dtp, constant(0.5,1.5)" in out
