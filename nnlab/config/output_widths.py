"""How many outputs a network needs for its loss and data."""

from nnlab.config.families import LOSS
from nnlab.core.losses import Loss
from nnlab.data.dataset import Signature


def wanted_outputs(loss: Loss | None, data: Signature) -> tuple[tuple[int, ...], str]:
    """The widths that an output may have, and the reason in words."""
    if data.task != "classes":
        return _outputs_for_numbers(loss, data.outputs)
    reason = f"the data has {data.outputs} classes"
    reason += f": {data.class_list}" if data.class_list else ""
    if data.outputs == 2 and (loss is None or "binary" in loss.kinds):
        return (1, 2), reason
    return (data.outputs,), reason


def _outputs_for_numbers(loss: Loss | None, columns: int) -> tuple[tuple[int, ...], str]:
    """The same for targets of so many columns."""
    reason = "a target is one number" if columns == 1 else f"the targets have {columns} columns"
    if loss is None or (each := loss.width(1)) == 1:
        return (columns,), reason
    return (loss.width(columns),), f"{reason}, and {LOSS.name_of(loss)} has {each} outputs for each"
