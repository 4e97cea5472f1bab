"""Published methods as functions from a `ClassProfile` to a `Method`; this module is their registry."""

from tailtune.methods.asam import asam
from tailtune.methods.balanced_sampling import balanced_sampling
from tailtune.methods.balanced_softmax import balanced_softmax
from tailtune.methods.checkpoint_ensemble import checkpoint_ensemble
from tailtune.methods.class_balanced import class_balanced
from tailtune.methods.class_conditional_smoothing import class_conditional_smoothing
from tailtune.methods.cosine_classifier import cosine_classifier
from tailtune.methods.crt import crt
from tailtune.methods.cutmix import cutmix
from tailtune.methods.cutout import cutout
from tailtune.methods.drs import drs
from tailtune.methods.drw import drw
from tailtune.methods.ema import ema
from tailtune.methods.erm import erm
from tailtune.methods.focal import focal
from tailtune.methods.focal_sam import focal_sam
from tailtune.methods.imbsam import imbsam
from tailtune.methods.inverse_frequency import inverse_frequency
from tailtune.methods.joint_ssl import joint_ssl
from tailtune.methods.joint_ssl_sama import joint_ssl_sama
from tailtune.methods.joint_ssl_sama_m2m import joint_ssl_sama_m2m
from tailtune.methods.joint_ssl_sama_smoothing import joint_ssl_sama_smoothing
from tailtune.methods.label_aware_smoothing import label_aware_smoothing
from tailtune.methods.label_smoothing import label_smoothing
from tailtune.methods.laplace import laplace
from tailtune.methods.laplace_diagonal import laplace_diagonal
from tailtune.methods.ldam import ldam
from tailtune.methods.ldam_drw import ldam_drw
from tailtune.methods.logit_adjustment import logit_adjustment
from tailtune.methods.lws import lws
from tailtune.methods.m2m import m2m
from tailtune.methods.mislas import mislas
from tailtune.methods.mixup import mixup
from tailtune.methods.ncm import ncm
from tailtune.methods.oversample import oversample
from tailtune.methods.paper import paper
from tailtune.methods.post_hoc_logit_adjustment import post_hoc_logit_adjustment
from tailtune.methods.probe import probe
from tailtune.methods.progressive_sampling import progressive_sampling
from tailtune.methods.random_erasing import random_erasing
from tailtune.methods.remix import remix
from tailtune.methods.sam import sam
from tailtune.methods.sama import sama
from tailtune.methods.sama_smoothing import sama_smoothing
from tailtune.methods.samn import samn
from tailtune.methods.seed_ensemble import seed_ensemble
from tailtune.methods.sghmc import sghmc
from tailtune.methods.simclr_finetune import simclr_finetune
from tailtune.methods.simclr_probe import simclr_probe
from tailtune.methods.smote import smote
from tailtune.methods.smote_features import smote_features
from tailtune.methods.square_root_sampling import square_root_sampling
from tailtune.methods.sse_sam import sse_sam
from tailtune.methods.swa import swa
from tailtune.methods.tau_norm import tau_norm
from tailtune.methods.tuned import tuned
from tailtune.methods.undersample import undersample
from tailtune.methods.vicreg_finetune import vicreg_finetune
from tailtune.methods.vicreg_probe import vicreg_probe

__all__ = [
    "asam",
    "balanced_sampling",
    "balanced_softmax",
    "checkpoint_ensemble",
    "class_balanced",
    "class_conditional_smoothing",
    "cosine_classifier",
    "crt",
    "cutmix",
    "cutout",
    "drs",
    "drw",
    "ema",
    "erm",
    "focal",
    "focal_sam",
    "imbsam",
    "inverse_frequency",
    "joint_ssl",
    "joint_ssl_sama",
    "joint_ssl_sama_m2m",
    "joint_ssl_sama_smoothing",
    "label_aware_smoothing",
    "label_smoothing",
    "laplace",
    "laplace_diagonal",
    "ldam",
    "ldam_drw",
    "logit_adjustment",
    "lws",
    "m2m",
    "mislas",
    "mixup",
    "ncm",
    "oversample",
    "paper",
    "post_hoc_logit_adjustment",
    "probe",
    "progressive_sampling",
    "random_erasing",
    "remix",
    "sam",
    "sama",
    "sama_smoothing",
    "samn",
    "seed_ensemble",
    "sghmc",
    "simclr_finetune",
    "simclr_probe",
    "smote",
    "smote_features",
    "square_root_sampling",
    "sse_sam",
    "swa",
    "tau_norm",
    "tuned",
    "undersample",
    "vicreg_finetune",
    "vicreg_probe",
]
