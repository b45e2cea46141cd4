"""The forms of sparsity, told apart: one file per form, each small, exact where it can be, priced in one coin.

The coin and the task    ``layer``, ``training``, ``task``, ``timing``, ``budgets``, ``forms``, ``executables``
Experts                  ``experts``, ``gating``, ``expert_load``, ``expert_routing``, ``block_view``; ``parameters``
Few weights              ``pruning``, ``lottery``, ``rigl``, ``srigl``, ``constant_fan_in``, ``structured``
Ternary and few bits     ``ternary``, ``bit_planes``, ``ternary_law``, ``quantised``
Activations              ``activations``, ``active_product``, ``noise``, ``gated``
Low rank                 ``low_rank``, ``latent_attention``, ``equal_bytes``, ``short_keys``
Superposition            ``superposition``, ``feature_capacity``, ``commingled``
Constant nonzeros        ``constant_nonzeros``

Nothing is imported here: the command line comes through this room.
"""
