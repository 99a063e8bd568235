"""The public API by subject. Each name is imported from its module at its first use."""

# Arrays, errors and files
from .arrays import (
    Array as Array,
    BoolArray as BoolArray,
    ByteArray as ByteArray,
    Float32Array as Float32Array,
    FloatArray as FloatArray,
    IntArray as IntArray,
)
from .errors import (
    DataError as DataError,
    DivergedError as DivergedError,
    LeaseError as LeaseError,
    PluginError as PluginError,
    RunError as RunError,
    SealError as SealError,
    UsageError as UsageError,
    WeightsError as WeightsError,
    WsolError as WsolError,
    printable as printable,
)
from .files import read_lines as read_lines, write_atomic as write_atomic
from .outputs import claim_outputs as claim_outputs

# Components and their options
from .components import (
    BoxRule as BoxRule,
    Component as Component,
    Normalizer as Normalizer,
)
from .hooks import hookimpl as hookimpl
from .options import (
    Distribution as Distribution,
    FileOption as FileOption,
    OptionValues as OptionValues,
    Options as Options,
    choice as choice,
    hparam as hparam,
    integer as integer,
    loguniform as loguniform,
    option as option,
    part as part,
    path as path,
    suggest as suggest,
    uniform as uniform,
)
from .plugins import load_plugins as load_plugins
from .registry import Plugin as Plugin, Plugins as Plugins

# Networks
from .networks import (
    Backbone as Backbone,
    BackboneOptions as BackboneOptions,
    Classifier as Classifier,
    Extractor as Extractor,
    Features as Features,
    Pooling as Pooling,
)

# Benchmarks, images and annotations
from .data.benchmark import (
    Annotations as Annotations,
    Archive as Archive,
    Benchmark as Benchmark,
    BenchmarkOptions as BenchmarkOptions,
    ImageList as ImageList,
    ImageTable as ImageTable,
    Report as Report,
    Schedule as Schedule,
)
from .data.cache import (
    Transform as Transform,
    default_cache as default_cache,
)
from .data.decoded import (
    DecodedImages as DecodedImages,
    ImageCache as ImageCache,
)
from .data.decoding.settings import Decoding as Decoding
from .data.files import (
    ImageFiles as ImageFiles,
    MaskFiles as MaskFiles,
    image_list as image_list,
)
from .data.holdout import hold_out as hold_out
from .data.images import decode_image as decode_image
from .data.import_manifest import (
    ImportManifest as ImportManifest,
    MaskValues as MaskValues,
    read_import_manifest as read_import_manifest,
)
from .data.masks.reader import (
    LabelMasks as LabelMasks,
    ReadMask as ReadMask,
    UnclearMaskError as UnclearMaskError,
)
from .data.masks.rule import (
    MaskOptions as MaskOptions,
    MaskRule as MaskRule,
)
from .data.readers.box_collector import BoxCollector as BoxCollector
from .data.readers.file_list import (
    FileListBenchmark as FileListBenchmark,
    ImageListBuilder as ImageListBuilder,
)
from .data.readers.image_kind import (
    ImageKind as ImageKind,
    image_kind as image_kind,
    kind_by_ending as kind_by_ending,
)
from .data.readers.matfile import read_mat as read_mat
from .data.readers.metadata import SplitFiles as SplitFiles
from .data.readers.names import (
    NameMatcher as NameMatcher,
    comparable_name as comparable_name,
    name_problem as name_problem,
    shown as shown,
)
from .data.readers.problems import (
    box_problem as box_problem,
    ignore_problem as ignore_problem,
    raise_data_error as raise_data_error,
    without_kind as without_kind,
)
from .data.readers.wsoleval import WsolevalBenchmark as WsolevalBenchmark
from .data.views import (
    SplitImages as SplitImages,
    evaluation_protocol as evaluation_protocol,
    open_split as open_split,
)

# Training
from .training.augment import (
    Augmentation as Augmentation,
    HorizontalFlip as HorizontalFlip,
    RandomCrop as RandomCrop,
    mirrored as mirrored,
)
from .training.batch import (
    Batch as Batch,
    TrainView as TrainView,
)
from .training.loader import normalize_images as normalize_images
from .training.method import (
    IMAGENET_MEAN as IMAGENET_MEAN,
    IMAGENET_STD as IMAGENET_STD,
    ClassifierMethod as ClassifierMethod,
    Method as Method,
    Parts as Parts,
    split_groups as split_groups,
)
from .training.phases import (
    Loss as Loss,
    ParameterGroup as ParameterGroup,
    Phase as Phase,
    Sampler as Sampler,
    TrainingOptions as TrainingOptions,
    shuffled as shuffled,
)
from .training.seeds import seeded_generator as seeded_generator

# Maps, boxes and metrics
from .evaluation.boxes import (
    best_ious as best_ious,
    estimated_boxes as estimated_boxes,
)
from .evaluation.evaluate import (
    Calibrations as Calibrations,
    Scores as Scores,
    evaluate as evaluate,
)
from .evaluation.figures import (
    PlottedResult as PlottedResult,
    draw_curve as draw_curve,
    finish_figure as finish_figure,
    new_figure as new_figure,
)
from .evaluation.geometry import (
    BoxProblem as BoxProblem,
    Frame as Frame,
    MapProblem as MapProblem,
    sanitize_map as sanitize_map,
)
from .evaluation.image_details import ImageDetails as ImageDetails
from .evaluation.metric import (
    Calibration as Calibration,
    Metric as Metric,
    ScoredImage as ScoredImage,
)
from .evaluation.observation_file import (
    observations_path as observations_path,
    read_observations as read_observations,
)
from .evaluation.observations import (
    Observations as Observations,
    Problem as Problem,
)
from .evaluation.observe import (
    EvalSetting as EvalSetting,
    ScoringProgress as ScoringProgress,
)
from .evaluation.pixel_ap import (
    average_precision as average_precision,
    pixel_histograms as pixel_histograms,
    precision_recall as precision_recall,
)
from .evaluation.predictions.box_csv import (
    BoxRow as BoxRow,
    BoxUnit as BoxUnit,
    read_box_csv as read_box_csv,
    read_box_rows as read_box_rows,
    write_box_csv as write_box_csv,
)
from .evaluation.predictions.problems import counted as counted
from .evaluation.predictions.source import (
    PredictionKind as PredictionKind,
    Predictions as Predictions,
)
from .evaluation.predictions.store import (
    ScoreStore as ScoreStore,
    StoreWriter as StoreWriter,
)
from .evaluation.read_map import (
    NormalizedMap as NormalizedMap,
    read_map as read_map,
)
from .protocols import (
    EvalProtocol as EvalProtocol,
    get_protocol as get_protocol,
)

# Studies and submissions
from .split_names import (
    EvalSplit as EvalSplit,
    Split as Split,
)
from .study.config import (
    Study as Study,
    load_study as load_study,
)
from .study.gallery_file import (
    GalleryImage as GalleryImage,
    Group as Group,
    ShownImage as ShownImage,
    read_gallery as read_gallery,
)
from .study.identity import identity_difference as identity_difference
from .study.job import (
    Job as Job,
    RunProgress as RunProgress,
    SerialRunner as SerialRunner,
)
from .study.lease import (
    Lease as Lease,
    LeaseHolder as LeaseHolder,
)
from .study.ledger import (
    Ledger as Ledger,
    LedgerEntry as LedgerEntry,
    Openings as Openings,
    cell_name as cell_name,
    check_chain as check_chain,
    count_openings as count_openings,
    read_ledger as read_ledger,
)
from .study.observer import StudyObserver as StudyObserver
from .study.passes import Runner as Runner
from .study.plan import Plan as Plan
from .study.run import (
    StudySource as StudySource,
    open_session as open_session,
    run_study as run_study,
)
from .study.selection import (
    SealedChoice as SealedChoice,
    Selection as Selection,
    Unsealed as Unsealed,
    read_selection as read_selection,
)
from .study.session import (
    Session as Session,
    StudyResult as StudyResult,
)
from .study.study_folder import StudyFolder as StudyFolder
from .study.submission import (
    ScoredSubmission as ScoredSubmission,
    Submission as Submission,
    score_submission as score_submission,
)
from .study.test_data_names import hash_test_data as hash_test_data
from .study.verification.words import (
    Verification as Verification,
    verify_words as verify_words,
    weakest_verification as weakest_verification,
)

# Records, finished runs and commands
from . import cli as cli
from .inference.localizer import (
    Localizer as Localizer,
    load_localizer as load_localizer,
)
from .inference.predict import InputBatch as InputBatch
from .recipes import (
    ComponentRef as ComponentRef,
    EvalSpec as EvalSpec,
    Part as Part,
    TrainSpec as TrainSpec,
    recipe_parts as recipe_parts,
)
from .records import (
    Condition as Condition,
    Curve as Curve,
    EpochLog as EpochLog,
    LedgerHead as LedgerHead,
    MetricValue as MetricValue,
    Reproduction as Reproduction,
    Result as Result,
    RunIdentity as RunIdentity,
    RunRecord as RunRecord,
    RunSettings as RunSettings,
    SplitData as SplitData,
    TestOpening as TestOpening,
    condition_difference as condition_difference,
    find_records as find_records,
    parse_record as parse_record,
    read_record as read_record,
)
