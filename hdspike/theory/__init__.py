"""Closed forms, in one place: what a simulation should find, computed without one.

A *place* is what two vectors are compared by: a bit (``length = 2`` values) of a dense binary vector, or a
block (``length = L`` values) of a sparse block code. Most laws hold for both, with ``length`` as their one
difference. Whole numbers go up to 2⁵³, where doubles stop counting; N up to 2³² or 2²⁶ in laws that sum over all
places: ``ValueError`` beyond. Nothing here draws a random number, except where a function takes ``rng``.

``bundles`` distance of a bundle to its members · ``retrieval`` finding a member again, and the smallest dimension that
does it · ``ranking`` members among the K nearest · ``unions`` OR-bundles · ``sparse`` chance matches, bits, events ·
``softmax`` mass lost outside the winners · ``counting`` intervals of counted shares ·
``memories`` scores by chance, sparse distributed memory · ``memory_softmax`` such a memory as attention ·
``associative`` Willshaw's memory · ``queueing`` waiting, losses, a mesh under load.
"""

from hdspike.theory.associative import (
    willshaw_capacity,
    willshaw_density,
    willshaw_false_ones,
    willshaw_information,
)
from hdspike.theory.bundles import bundle_bits, mode_agreement, mode_distance, with_errors
from hdspike.theory.counting import runs, wilson
from hdspike.theory.memories import (
    attention_beta,
    chance_best,
    chance_score,
    circle_intersection,
    sdm_best_share,
    sdm_critical_distance,
    sdm_error,
    sdm_radius,
    sdm_share,
    sdm_signal_to_noise,
)
from hdspike.theory.memory_softmax import SoftmaxFit, memory_weights, radius_of_beta, softmax_fit
from hdspike.theory.queueing import (
    bisection_bound,
    md1_wait,
    md1k_loss,
    mean_hops,
    merged_wait,
    mesh_latency,
    uniform_crossings,
    uniform_flows,
)
from hdspike.theory.ranking import SQUARES, smallest_top, top_share
from hdspike.theory.retrieval import (
    accuracy_after_flips,
    capacity,
    retrieval,
    retrieval_error,
    retrieval_normal,
    retrieved_bits,
    separation,
    smallest_dim,
)
from hdspike.theory.softmax import (
    attention_error,
    dropped_mass,
    dropped_mass_sample,
    mass_of_divergence,
    sharpness_needed,
    softmax_entropy,
    winners_needed,
)
from hdspike.theory.sparse import (
    chance_touched,
    code_bits,
    events_by_counts,
    events_per_pair,
    events_with_shared,
    false_match,
    keys_per_event,
    match_chance,
    xor_density,
)
from hdspike.theory.unions import (
    contained,
    contained_blocks,
    or_density,
    or_error,
    smallest_union,
    top_share_or,
)

__all__ = [
    "SQUARES",
    "SoftmaxFit",
    "accuracy_after_flips",
    "attention_beta",
    "attention_error",
    "bisection_bound",
    "bundle_bits",
    "capacity",
    "chance_best",
    "chance_score",
    "chance_touched",
    "circle_intersection",
    "code_bits",
    "contained",
    "contained_blocks",
    "dropped_mass",
    "dropped_mass_sample",
    "events_by_counts",
    "events_per_pair",
    "events_with_shared",
    "false_match",
    "keys_per_event",
    "mass_of_divergence",
    "match_chance",
    "md1_wait",
    "md1k_loss",
    "mean_hops",
    "memory_weights",
    "merged_wait",
    "mesh_latency",
    "mode_agreement",
    "mode_distance",
    "or_density",
    "or_error",
    "radius_of_beta",
    "retrieval",
    "retrieval_error",
    "retrieval_normal",
    "retrieved_bits",
    "runs",
    "sdm_best_share",
    "sdm_critical_distance",
    "sdm_error",
    "sdm_radius",
    "sdm_share",
    "sdm_signal_to_noise",
    "separation",
    "sharpness_needed",
    "smallest_dim",
    "smallest_top",
    "smallest_union",
    "softmax_entropy",
    "softmax_fit",
    "top_share",
    "top_share_or",
    "uniform_crossings",
    "uniform_flows",
    "willshaw_capacity",
    "willshaw_density",
    "willshaw_false_ones",
    "willshaw_information",
    "wilson",
    "winners_needed",
    "with_errors",
    "xor_density",
]
