"""Systems by name, and flows from configurations."""

import pytest

from mfpde.systems import registry

CONFIG = {"system": "DepthSeparation", "parameters": {"d": 3, "sigma_1": 0.5}, "role": "limit", "arguments": {"nodes": 4}}


def test_a_flow_is_rebuilt_from_its_own_configuration():
    flow = registry.build(CONFIG)
    again = registry.build(flow.config)
    assert again.config == flow.config
    assert again.state0.tobytes() == flow.state0.tobytes()
    assert flow.config["arguments"]["nodes"] == 4
    assert flow.config["parameters"]["homogeneity"] == 2


@pytest.mark.parametrize("name", registry.names())
def test_every_system_imports_under_its_name(name):
    assert registry.system(name).__name__ == name


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"system": "DepthSep"}, "system 'DepthSep' is unknown: the systems are "),
        ({"role": "teacher"}, "role = 'teacher': give one of limit, network"),
        ({"parameters": {"d": 3, "sigma1": 0.5}}, "DepthSeparation: unknown key 'sigma1'; the keys are d, sigma_1"),
        ({"arguments": {"m1": 4}}, "DepthSeparation.limit: unknown key 'm1'; the keys are first_layer"),
        ({"arguments": {"second_layer": {"points": "1a2b"}}}, "DepthSeparation.limit: second_layer was given as an object in Python"),
        ({"arguments": {"nodes": "many"}}, "nodes = 'many': give an integer >= 1"),
    ],
)
def test_a_wrong_configuration_is_refused_by_name(change, message):
    with pytest.raises(ValueError, match="^" + message.replace(".", r"\.").replace("(", r"\(")):
        registry.build({**CONFIG, **change})
